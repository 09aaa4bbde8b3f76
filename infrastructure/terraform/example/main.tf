# The example function in JavaScript with lambda-dispatch beside it, and telemetry in X-Ray and CloudWatch:
#   ./build_layer.sh --standalone
#   terraform -chdir=infrastructure/terraform/example init
#   terraform -chdir=infrastructure/terraform/example apply
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

module "dispatch" {
  source         = "../"
  layer_zip      = "${path.module}/../../../dist/lambda-dispatch-standalone-x86_64.zip"
  layer_name     = "lambda-dispatch-standalone"
  cloudwatch     = true
  signals        = ["traces", "logs", "metrics"]
  log_group_arn  = aws_cloudwatch_log_group.telemetry.arn
  secret_arns    = [aws_secretsmanager_secret.key.arn]
  parameter_arns = [aws_ssm_parameter.greeting.arn]
  role_name      = aws_iam_role.example.name
  environment    = { DISPATCH_CACHE_PREFETCH = "ssm:/demo/greeting,secretsmanager:demo/api-key" }
}

data "archive_file" "code" {
  type        = "zip"
  source_file = "${path.module}/../../../examples/node/index.mjs"
  output_path = "${path.module}/function.zip"
}

resource "aws_lambda_function" "example" {
  function_name    = "lambda-dispatch-example"
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
  handler          = "index.handler"
  runtime          = "nodejs22.x"
  role             = aws_iam_role.example.arn
  layers           = [module.dispatch.layer_arn]
  memory_size      = 512
  timeout          = 15

  environment {
    variables = module.dispatch.environment
  }

  tracing_config {
    mode = "Active"
  }
}

resource "aws_iam_role" "example" {
  name               = "lambda-dispatch-example"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.example.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_cloudwatch_log_group" "telemetry" {
  name              = "/lambda-dispatch/example"
  retention_in_days = 30
}

resource "aws_ssm_parameter" "greeting" {
  name  = "/demo/greeting"
  type  = "String"
  value = "hello"
}

resource "aws_secretsmanager_secret" "key" {
  name = "demo/api-key"
}

resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = aws_secretsmanager_secret.key.id
  secret_string = random_password.key.result
}

resource "random_password" "key" {
  length  = 32
  special = false
}
