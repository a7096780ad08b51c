# What a Workers-style cell needs around its Worker. The Worker itself, its host name's record and its objects come with
# `npm run deploy` (wrangler.toml): code and infrastructure change apart.
variable "name" {
  type = string
}

variable "jurisdiction" {
  type = string
}

variable "r2_jurisdiction" {
  description = "The platform's word: eu, fedramp or default."
  type        = string
}

variable "region" {
  description = "AWS's name of the region that databases lie in."
  type        = string
}

variable "account_id" {
  type = string
}

variable "zone_id" {
  type = string
}

variable "hostname" {
  type = string
}

variable "retention_days" {
  description = "BAILIWICK_LEDGER_RETENTION_DAYS of the cell."
  type        = number
}

# TLS of the cell's host name ends inside of the jurisdiction.
resource "cloudflare_regional_hostname" "cell" {
  zone_id    = var.zone_id
  hostname   = var.hostname
  region_key = var.jurisdiction
}

resource "cloudflare_zone_setting" "tls_min" {
  zone_id    = var.zone_id
  setting_id = "min_tls_version"
  value      = "1.3"
}

resource "cloudflare_zone_setting" "https_only" {
  zone_id    = var.zone_id
  setting_id = "always_use_https"
  value      = "on"
}

resource "cloudflare_zone_dnssec" "cell" {
  zone_id = var.zone_id
  status  = "active"
}

resource "cloudflare_r2_bucket" "archive" {
  account_id   = var.account_id
  name         = var.name
  jurisdiction = var.r2_jurisdiction
}

# With this rule in force the cell is told `BAILIWICK_ARCHIVE_LOCKED = "true"`.
resource "cloudflare_r2_bucket_lock" "ledger" {
  account_id   = var.account_id
  bucket_name  = var.name
  jurisdiction = var.r2_jurisdiction
  rules = [{
    id      = "ledger"
    enabled = true
    prefix  = "ledger/"
    condition = {
      type            = "Age"
      max_age_seconds = var.retention_days * 86400
    }
  }]
  depends_on = [cloudflare_r2_bucket.archive]
}

# Read models. The role that the cell uses is made by SQL, because roles of the console pass row-level security by.
resource "neon_project" "control" {
  name                      = var.name
  region_id                 = "aws-${var.region}"
  pg_version                = 17
  history_retention_seconds = 604800
}

# Counters of failed authentications, under keyed hashes of addresses; nothing else.
resource "upstash_redis_database" "limits" {
  database_name  = var.name
  region         = "global"
  primary_region = var.region
  tls            = true
  eviction       = true
}
