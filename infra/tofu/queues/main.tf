# The two queues of one pool, each with its dead letters and alarms. Times and counts are those of shared/contracts/limits.ts.
variable "prefix" {
  description = "Of the deployment: `BAILIWICK_SQS_PREFIX` of its workers."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.prefix))
    error_message = "A prefix is 1 to 16 of a-z and 0-9, so that no queue's name can be read as another's."
  }
}

variable "cell" {
  type = string
}

variable "pool" {
  type = string
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$", var.pool))
    error_message = "A pool's name is 1 to 24 of a-z, 0-9 and inner dashes."
  }
}

variable "kms_key_arn" {
  type = string
}

variable "alarm_topic_arn" {
  type = string
}

variable "oldest_s_max" {
  description = "Age of the oldest job, in seconds, above which somebody is told, by class."
  type        = map(number)
  default     = { interactive = 120, batch = 43200 }
}

locals {
  classes = toset(["interactive", "batch"])
}

resource "aws_sqs_queue" "dead" {
  for_each = local.classes

  name                              = "${var.prefix}-${var.cell}-${var.pool}-${each.key}-dead"
  message_retention_seconds         = 14 * 86400
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
}

resource "aws_sqs_queue" "live" {
  for_each = local.classes

  name                              = "${var.prefix}-${var.cell}-${var.pool}-${each.key}"
  message_retention_seconds         = 4 * 86400
  receive_wait_time_seconds         = 20
  max_message_size                  = 65536
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300

  # Receives are counted, failures are not: a worker that drains gives a job back, and that is a receive more.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = 100
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = local.classes

  queue_url = aws_sqs_queue.dead[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.live[each.key].arn]
  })
}

data "aws_iam_policy_document" "tls_only" {
  for_each = merge(
    { for class in local.classes : class => aws_sqs_queue.live[class].arn },
    { for class in local.classes : "${class}-dead" => aws_sqs_queue.dead[class].arn },
  )

  statement {
    sid       = "NothingInClear"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "live" {
  for_each = local.classes

  queue_url = aws_sqs_queue.live[each.key].url
  policy    = data.aws_iam_policy_document.tls_only[each.key].json
}

resource "aws_sqs_queue_policy" "dead" {
  for_each = local.classes

  queue_url = aws_sqs_queue.dead[each.key].url
  policy    = data.aws_iam_policy_document.tls_only["${each.key}-dead"].json
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each = local.classes

  alarm_name          = "${aws_sqs_queue.dead[each.key].name}-not-empty"
  alarm_description   = "A job of pool ${var.pool} was buried. docs/runbook.md: dead letters."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "oldest" {
  for_each = local.classes

  alarm_name          = "${aws_sqs_queue.live[each.key].name}-oldest"
  alarm_description   = "Jobs of pool ${var.pool} wait longer than promised. docs/runbook.md: a pool falls behind."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.live[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.oldest_s_max[each.key]
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

output "live_arns" {
  value = [for queue in aws_sqs_queue.live : queue.arn]
}

output "dead_arns" {
  value = [for queue in aws_sqs_queue.dead : queue.arn]
}

output "live_urls" {
  description = "By class: interactive, batch."
  value       = { for class, queue in aws_sqs_queue.live : class => queue.url }
}
