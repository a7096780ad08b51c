# Cell eu1 in AWS: queues, buckets, keys, identities and the cluster of its GPU pools.
terraform {
  required_version = ">= 1.8"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
  # State is in the cell's own account and region: `tofu init -backend-config=state.hcl` (docs/infrastructure.md).
  backend "s3" {
    key          = "eu1/aws.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["000000000001"]
  default_tags {
    tags = { cell = "eu1", jurisdiction = "eu" }
  }
}

module "cell" {
  source        = "../../../tofu/cell"
  cell          = "eu1"
  jurisdiction  = "eu"
  account_id    = "000000000001"
  region        = "eu-central-1"
  zones         = ["eu-central-1a", "eu-central-1b"]
  bucket_suffix = "example"
  pools = {
    chat = { instance_types = ["p5.4xlarge"], ami_type = "AL2023_x86_64_NVIDIA", nodes_max = 8, disk_gib = 200 }
  }
}

output "cell" {
  value = module.cell
}
