output "layer_arn" {
  description = "For the layers of the function."
  value       = var.layer_arn != null ? var.layer_arn : one(aws_lambda_layer_version.dispatch[*].arn)
}

output "environment" {
  description = "For the variables of the function."
  value       = local.environment
}

output "policy_json" {
  description = "What the role of the function needs."
  value       = data.aws_iam_policy_document.dispatch.json
}
