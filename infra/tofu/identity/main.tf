# Who may do what: the cell's edge, and the workers of each pool. Neither can do the other's work, and neither administers.
variable "name" {
  type = string
}

variable "objects_arn" {
  description = "The cell's bucket."
  type        = string
}

variable "weights_arn" {
  type = string
}

variable "key_arns" {
  description = "By purpose, as module keys gives them."
  type        = map(string)
}

variable "pools" {
  description = "Queue ARNs by pool."
  type        = map(object({ live = list(string), dead = list(string) }))
}

# --- the edge: seals and archives objects, enqueues jobs, looks after dead letters -------------------------------------------
data "aws_iam_policy_document" "edge" {
  statement {
    sid       = "KnowsItsBucket"
    actions   = ["s3:GetBucketLocation", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.objects_arn]
  }

  statement {
    sid = "KeepsObjects"
    actions = [
      "s3:AbortMultipartUpload",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
      "s3:GetObject",
      "s3:GetObjectRetention",
      "s3:GetObjectVersion",
      "s3:PutObject",
      "s3:PutObjectRetention",
    ]
    resources = ["${var.objects_arn}/*"]
  }

  statement {
    sid       = "EnqueuesAndMeasures"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = flatten([for pool in var.pools : pool.live])
  }

  statement {
    sid       = "LooksAfterDeadLetters"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    resources = flatten([for pool in var.pools : pool.dead])
  }

  statement {
    sid       = "EncryptsAtRest"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["objects"], var.key_arns["queues"]]
  }
}

# The edge runs outside of the account and signs its calls with a key, which is made by hand and never stands in a state file.
resource "aws_iam_user" "edge" {
  name          = "${var.name}-edge"
  force_destroy = false
}

resource "aws_iam_policy" "edge" {
  name   = "${var.name}-edge"
  policy = data.aws_iam_policy_document.edge.json
}

resource "aws_iam_user_policy_attachment" "edge" {
  user       = aws_iam_user.edge.name
  policy_arn = aws_iam_policy.edge.arn
}

# --- workers: a role per pool, taken by its service account ----------------------------------------------------------------
data "aws_iam_policy_document" "pod" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "worker" {
  for_each = var.pools

  statement {
    sid       = "TakesJobsOfItsPool"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    resources = each.value.live
  }

  statement {
    sid       = "BuriesPoison"
    actions   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = each.value.dead
  }

  statement {
    sid       = "ReadsJobs"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns["queues"]]
  }
}

resource "aws_iam_role" "worker" {
  for_each = var.pools

  name                 = "${var.name}-pool-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.pod.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "worker" {
  for_each = var.pools

  name   = "pool"
  role   = aws_iam_role.worker[each.key].id
  policy = data.aws_iam_policy_document.worker[each.key].json
}

# --- whoever fills the volumes with weights ----------------------------------------------------------------------------------
data "aws_iam_policy_document" "weights" {
  statement {
    sid       = "ListsWeights"
    actions   = ["s3:ListBucket"]
    resources = [var.weights_arn]
  }

  statement {
    sid       = "ReadsWeights"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.weights_arn}/*"]
  }

  statement {
    sid       = "DecryptsWeights"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arns["objects"]]
  }
}

resource "aws_iam_role" "weights" {
  name                 = "${var.name}-weights"
  assume_role_policy   = data.aws_iam_policy_document.pod.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "weights" {
  name   = "weights"
  role   = aws_iam_role.weights.id
  policy = data.aws_iam_policy_document.weights.json
}

output "edge_user" {
  value = aws_iam_user.edge.name
}

output "worker_role_arns" {
  value = { for pool, role in aws_iam_role.worker : pool => role.arn }
}

output "weights_role_arn" {
  value = aws_iam_role.weights.arn
}
