# Private subnets for the pools. Nothing listens to the internet; what leaves goes through one gateway or stays inside.
variable "name" {
  type = string
}

variable "region" {
  type = string
}

variable "cidr" {
  type = string
}

variable "zones" {
  description = "Two or three availability zones of the region."
  type        = list(string)
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The group that everything gets which names none: it allows nothing.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "private" {
  for_each = { for at, zone in var.zones : zone => at }

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.cidr, 4, each.value + 1)
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-private-${each.key}" }
}

# Holds the gateway alone.
resource "aws_subnet" "gateway" {
  vpc_id                  = aws_vpc.this.id
  availability_zone       = var.zones[0]
  cidr_block              = cidrsubnet(var.cidr, 8, 0)
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-gateway" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.gateway.id
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "gateway" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-gateway" }
}

resource "aws_route" "gateway" {
  route_table_id         = aws_route_table.gateway.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "gateway" {
  subnet_id      = aws_subnet.gateway.id
  route_table_id = aws_route_table.gateway.id
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private" }
}

# Workers call the cell's host name; nobody can call them.
resource "aws_route" "private" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this.id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_security_group" "pool" {
  name        = "${var.name}-pool"
  description = "Nodes of the pools: among themselves, and out over TLS"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "pool_itself" {
  security_group_id            = aws_security_group.pool.id
  referenced_security_group_id = aws_security_group.pool.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "pool_itself" {
  security_group_id            = aws_security_group.pool.id
  referenced_security_group_id = aws_security_group.pool.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "pool_tls" {
  security_group_id = aws_security_group.pool.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Services inside the network: TLS from the pools alone"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id            = aws_security_group.endpoints.id
  referenced_security_group_id = aws_security_group.pool.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# Queue, keys and images are reached without leaving the region's network.
resource "aws_vpc_endpoint" "interface" {
  for_each = toset(["ecr.api", "ecr.dkr", "eks-auth", "kms", "logs", "sqs", "sts"])

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
}

resource "aws_vpc_endpoint" "objects" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
}

output "subnet_ids" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "pool_security_group_id" {
  value = aws_security_group.pool.id
}
