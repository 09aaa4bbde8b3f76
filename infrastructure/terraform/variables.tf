variable "layer_arn" {
  description = "ARN of a published layer; null publishes layer_zip."
  type        = string
  default     = null
}

variable "layer_zip" {
  description = "A zip of ./build_layer.sh, published as a layer of this account; null with layer_arn."
  type        = string
  default     = null
}

variable "layer_name" {
  description = "Name of the layer that is published."
  type        = string
  default     = "lambda-dispatch"
}

variable "architecture" {
  description = "What the zip is for."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Lambda has x86_64 and arm64."
  }
}

variable "runtimes" {
  description = "Runtimes that the zip is for; empty for a standalone layer."
  type        = list(string)
  default     = []
}

variable "endpoint" {
  description = "DISPATCH_POST_URI: where telemetry goes; null means no telemetry."
  type        = string
  default     = null
}

variable "signals" {
  description = "Of traces, logs and metrics."
  type        = list(string)
  default     = ["traces"]
  validation {
    condition     = length(setsubtract(var.signals, ["traces", "logs", "metrics"])) == 0
    error_message = "Signals are traces, logs and metrics."
  }
}

variable "headers" {
  description = "DISPATCH_POST_HEADERS; a key may be a reference, such as api-key=$${secretsmanager:vendor#key}."
  type        = string
  default     = null
}

variable "cloudwatch" {
  description = "Sends to X-Ray and CloudWatch in place of endpoint, and allows the role to."
  type        = bool
  default     = false
}

variable "log_group_arn" {
  description = "With cloudwatch and logs: the group that log records go to, without :* at its end."
  type        = string
  default     = null
  validation {
    condition     = var.log_group_arn == null ? true : !endswith(var.log_group_arn, ":*")
    error_message = "Leave out :* at the end."
  }
}

variable "secret_arns" {
  description = "Secrets that the function reads, the endpoint's key included."
  type        = list(string)
  default     = []
}

variable "parameter_arns" {
  description = "Parameters that the function reads."
  type        = list(string)
  default     = []
}

variable "kms_key_arns" {
  description = "Customer managed keys of those."
  type        = list(string)
  default     = []
}

variable "role_name" {
  description = "Role of the function, which gets the permissions; null leaves it to you and policy_json."
  type        = string
  default     = null
}

variable "environment" {
  description = "Further variables."
  type        = map(string)
  default     = {}
}
