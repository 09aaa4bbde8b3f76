# Speaks with the Runtime API as AWS's client for Ruby does: a new connection for each call.
require "json"
require "net/http"

API = "http://#{ENV.fetch('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime"

def ask
  uri = URI("#{API}/invocation/next")
  http = Net::HTTP.new(uri.host, uri.port)
  http.read_timeout = 1_000_000
  http.start { http.get(uri.path, "User-Agent" => "aws-lambda-ruby") }
end

def post(path, body, headers = {})
  Net::HTTP.post(URI("#{API}/#{path}"), body, { "User-Agent" => "aws-lambda-ruby" }.merge(headers))
end

if ENV["BROKEN"]
  post("init/error", '{"errorType":"Init<RuntimeError>"}',
       "Lambda-Runtime-Function-Error-Type" => "Init<RuntimeError>")
  exit 1
end

loop do
  invocation = ask
  id = invocation["Lambda-Runtime-Aws-Request-Id"]
  event = JSON.parse(invocation.body)
  if event["do"] == "raise"
    post("invocation/#{id}/error", '{"errorType":"Function<E>"}',
         "Lambda-Runtime-Function-Error-Type" => "Function<E>")
  else
    post("invocation/#{id}/response", "x" * event.fetch("a", "").size)
  end
end
