# Cell us1 at the edge: host name, archive, control database and limiter. Credentials come from the environment of whoever applies.
terraform {
  backend "s3" {
    key          = "us1/edge.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}

module "edge" {
  source          = "../../../tofu/edge"
  name            = "bailiwick-us1"
  jurisdiction    = "us"
  r2_jurisdiction = "default"
  region          = "us-east-1"
  account_id      = "00000000000000000000000000000002"
  zone_id         = "00000000000000000000000000000002"
  hostname        = "us1.example.com"
  retention_days  = 400
}
