// A stack with a function that has lambda-dispatch beside it: npx cdk synth --app "npx tsx example.ts"
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import { LambdaDispatch } from "./lambda-dispatch";

const app = new App();
const stack = new Stack(app, "Shop");
const key = secretsmanager.Secret.fromSecretNameV2(stack, "Key", "shop/key");
const telemetry = new logs.LogGroup(stack, "Telemetry", { removalPolicy: RemovalPolicy.DESTROY });

const dispatch = new LambdaDispatch(stack, "Dispatch", {
  layerArn: "arn:aws:lambda:eu-central-1:111122223333:layer:lambda-dispatch-standalone:1",
  cloudWatch: telemetry,
  signals: ["traces", "logs", "metrics"],
  secrets: [key],
});

const checkout = new lambda.Function(stack, "Checkout", {
  runtime: lambda.Runtime.NODEJS_22_X,
  handler: "index.handler",
  code: lambda.Code.fromInline("exports.handler = async () => 'hello';"),
});
dispatch.attachTo(checkout);
app.synth();
