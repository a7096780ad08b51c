# Cell eu1 at the edge: host name, archive, control database and limiter. Credentials come from the environment of whoever applies.
terraform {
  backend "s3" {
    key          = "eu1/edge.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }
}

module "edge" {
  source          = "../../../tofu/edge"
  name            = "bailiwick-eu1"
  jurisdiction    = "eu"
  r2_jurisdiction = "eu"
  region          = "eu-central-1"
  account_id      = "00000000000000000000000000000001"
  zone_id         = "00000000000000000000000000000001"
  hostname        = "eu1.example.com"
  retention_days  = 400
}
