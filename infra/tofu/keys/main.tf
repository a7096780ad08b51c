# One customer-managed key per purpose, so that whoever may read one class of bytes may read no other.
variable "name" {
  description = "Prefix of everything of the cell, such as bw-eu1."
  type        = string
}

variable "account_id" {
  type = string
}

variable "region" {
  type = string
}

locals {
  purposes = {
    objects = "Ledger archive, sealed objects and weights"
    queues  = "Jobs of the pools, dead letters and alarms"
    cluster = "Secrets, disks and logs of the pools' cluster"
  }
  # Services that encrypt with a key on nobody's behalf name it here; everybody else needs the account's IAM policies.
  services = {
    objects = []
    queues  = ["cloudwatch.amazonaws.com"]
    cluster = ["logs.${var.region}.amazonaws.com"]
  }
}

data "aws_iam_policy_document" "key" {
  for_each = local.purposes

  statement {
    sid       = "AccountAdministersByItsPolicies"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = toset(local.services[each.key])
    content {
      sid       = "ServiceEncrypts"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = [statement.value]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  for_each = local.purposes

  description             = "${var.name}: ${each.value}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  multi_region            = false
  policy                  = data.aws_iam_policy_document.key[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each = local.purposes

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

output "arns" {
  description = "ARN by purpose: objects, queues, cluster."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}
