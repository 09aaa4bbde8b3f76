data "aws_region" "here" {}
data "aws_partition" "here" {}

locals {
  endpoint = var.cloudwatch ? "https://xray.${data.aws_region.here.name}.${data.aws_partition.here.dns_suffix}" : var.endpoint
  log_group = (
    var.log_group_arn == null ? null : element(split(":log-group:", var.log_group_arn), 1)
  )
  wanted = {
    DISPATCH_POST_URI     = local.endpoint
    DISPATCH_SIGNALS      = local.endpoint == null ? null : join(",", var.signals)
    DISPATCH_POST_HEADERS = var.headers
    DISPATCH_LOG_GROUP    = var.cloudwatch ? local.log_group : null
  }
  environment = merge({ for name, value in local.wanted : name => value if value != null }, var.environment)
  statements = [for each in [
    { actions = ["secretsmanager:GetSecretValue"], resources = var.secret_arns },
    { actions = ["ssm:GetParameter"], resources = var.parameter_arns },
    { actions = ["kms:Decrypt"], resources = var.kms_key_arns },
    { actions = ["xray:PutTraceSegments", "cloudwatch:PutMetricData"], resources = var.cloudwatch ? ["*"] : [] },
    {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = var.cloudwatch && var.log_group_arn != null ? ["${var.log_group_arn}:*"] : []
    },
  ] : each if length(each.resources) > 0]
}

resource "aws_lambda_layer_version" "dispatch" {
  count                    = var.layer_arn == null ? 1 : 0
  layer_name               = var.layer_name
  filename                 = var.layer_zip
  source_code_hash         = filebase64sha256(var.layer_zip)
  compatible_architectures = [var.architecture]
  compatible_runtimes      = var.runtimes
  license_info             = "Apache-2.0"

  lifecycle {
    precondition {
      condition     = var.layer_zip != null
      error_message = "Set layer_arn, or layer_zip to a zip of ./build_layer.sh."
    }
  }
}

data "aws_iam_policy_document" "dispatch" {
  dynamic "statement" {
    for_each = local.statements
    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  lifecycle {
    precondition {
      condition     = !var.cloudwatch || !contains(var.signals, "logs") || var.log_group_arn != null
      error_message = "With cloudwatch, the signal logs needs log_group_arn: the role may not create a group."
    }
  }
}

resource "aws_iam_role_policy" "dispatch" {
  count  = var.role_name != null && length(local.statements) > 0 ? 1 : 0
  name   = "lambda-dispatch"
  role   = var.role_name
  policy = data.aws_iam_policy_document.dispatch.json
}
