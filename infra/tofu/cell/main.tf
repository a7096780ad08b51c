# What a cell has in AWS. One call of this module is one cell in one region of its jurisdiction, in an account of its own.
variable "cell" {
  type = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.cell))
    error_message = "A cell's id is 1 to 16 of a-z and 0-9."
  }
}

variable "jurisdiction" {
  type = string
  validation {
    condition     = contains(["eu", "us", "fedramp", "fedramp-high"], var.jurisdiction)
    error_message = "A deployed cell lies in eu, us, fedramp or fedramp-high."
  }
}

variable "account_id" {
  type = string
}

variable "region" {
  type = string
  validation {
    condition = contains(lookup({
      eu           = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]
      us           = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"]
      fedramp      = ["us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1"]
      fedramp-high = ["us-gov-east-1", "us-gov-west-1"]
    }, var.jurisdiction, []), var.region)
    error_message = "The region lies outside the cell's jurisdiction."
  }
}

variable "zones" {
  type = list(string)
}

variable "cidr" {
  type    = string
  default = "10.20.0.0/16"
}

variable "prefix" {
  description = "Of the deployment; `BAILIWICK_SQS_PREFIX` of its workers."
  type        = string
  default     = "bw"
}

variable "bucket_suffix" {
  description = "Makes bucket names unique in the world."
  type        = string
}

variable "pools" {
  type = map(object({ instance_types = list(string), ami_type = string, nodes_max = number, disk_gib = number }))
}

locals {
  name = "${var.prefix}-${var.cell}"
}

module "keys" {
  source     = "../keys"
  name       = local.name
  account_id = var.account_id
  region     = var.region
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = module.keys.arns["queues"]
}

module "queues" {
  source   = "../queues"
  for_each = var.pools

  prefix          = var.prefix
  cell            = var.cell
  pool            = each.key
  kms_key_arn     = module.keys.arns["queues"]
  alarm_topic_arn = aws_sns_topic.alarms.arn
}

# `BAILIWICK_S3_BUCKET`: the ledger's archive, whose objects are locked one by one, and sealed objects, which are not.
module "objects" {
  source      = "../bucket"
  name        = "${local.name}-objects-${var.bucket_suffix}"
  kms_key_arn = module.keys.arns["objects"]
  object_lock = true
}

# Weights of the pools' models: what answers is pinned by digest, so a version is kept while a pool may still name it.
module "weights" {
  source        = "../bucket"
  name          = "${local.name}-weights-${var.bucket_suffix}"
  kms_key_arn   = module.keys.arns["objects"]
  object_lock   = false
  replaced_days = 400
}

module "identity" {
  source      = "../identity"
  name        = local.name
  objects_arn = module.objects.arn
  weights_arn = module.weights.arn
  key_arns    = module.keys.arns
  pools       = { for pool, queues in module.queues : pool => { live = queues.live_arns, dead = queues.dead_arns } }
}

module "network" {
  source = "../network"
  name   = local.name
  region = var.region
  cidr   = var.cidr
  zones  = var.zones
}

module "pool" {
  source            = "../pool"
  name              = local.name
  subnet_ids        = module.network.subnet_ids
  security_group_id = module.network.pool_security_group_id
  kms_key_arn       = module.keys.arns["cluster"]
  pools             = var.pools
  worker_role_arns  = module.identity.worker_role_arns
  weights_role_arn  = module.identity.weights_role_arn
}

output "bucket" {
  description = "`BAILIWICK_S3_BUCKET`"
  value       = module.objects.name
}

output "objects_key_arn" {
  description = "`BAILIWICK_S3_KMS_KEY`"
  value       = module.keys.arns["objects"]
}

output "edge_user" {
  value = module.identity.edge_user
}

output "queue_urls" {
  value = { for pool, queues in module.queues : pool => queues.live_urls }
}

output "cluster" {
  value = module.pool.cluster_name
}
