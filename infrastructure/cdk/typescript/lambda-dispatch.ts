import { Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import * as ssm from "aws-cdk-lib/aws-ssm";
import { Construct } from "constructs";

export interface LambdaDispatchProps {
  /** ARN of a published layer; or `layerZip`. */
  readonly layerArn?: string;
  /** A zip of `./build_layer.sh`, which becomes a layer of the stack. */
  readonly layerZip?: string;
  /** What the zip is for; x86_64 unless it is named. */
  readonly architecture?: lambda.Architecture;
  /** Where telemetry goes; without it, and without `cloudWatch`, there is none. */
  readonly endpoint?: string;
  /** Of traces, logs and metrics; traces unless they are named. */
  readonly signals?: string[];
  /** Headers of exports, such as `api-key=${secretsmanager:vendor#key}`. */
  readonly headers?: string;
  /** Log group of a back end in AWS itself: traces go to X-Ray, logs and metrics to CloudWatch. */
  readonly cloudWatch?: logs.ILogGroup;
  /** Secrets that functions read, the endpoint's key included. */
  readonly secrets?: secretsmanager.ISecret[];
  /** Parameters that functions read. */
  readonly parameters?: ssm.IParameter[];
  /** Further variables. */
  readonly environment?: Record<string, string>;
}

/** The layer, and what the functions that it is attached to need. */
export class LambdaDispatch extends Construct {
  readonly layer: lambda.ILayerVersion;
  private readonly environment: Record<string, string>;

  constructor(scope: Construct, id: string, private readonly props: LambdaDispatchProps) {
    super(scope, id);
    this.layer = this.makeLayer();
    this.environment = this.makeEnvironment();
  }

  /** Attach the layer, and set variables and permissions. */
  attachTo(target: lambda.Function): void {
    target.addLayers(this.layer);
    for (const [name, value] of Object.entries(this.environment)) target.addEnvironment(name, value);
    for (const secret of this.props.secrets ?? []) secret.grantRead(target);
    for (const parameter of this.props.parameters ?? []) parameter.grantRead(target);
    if (this.props.cloudWatch) {
      target.addToRolePolicy(
        new iam.PolicyStatement({
          actions: ["xray:PutTraceSegments", "cloudwatch:PutMetricData"],
          resources: ["*"],
        }),
      );
      this.props.cloudWatch.grantWrite(target);
    }
  }

  private makeLayer(): lambda.ILayerVersion {
    const { layerArn, layerZip } = this.props;
    if (layerArn) return lambda.LayerVersion.fromLayerVersionArn(this, "Layer", layerArn);
    if (!layerZip) throw new Error("LambdaDispatch needs layerArn or layerZip");
    return new lambda.LayerVersion(this, "Layer", {
      code: lambda.Code.fromAsset(layerZip),
      compatibleArchitectures: [this.props.architecture ?? lambda.Architecture.X86_64],
      description: "OpenTelemetry traces of every invocation, and a cache for parameters and secrets",
      license: "Apache-2.0",
    });
  }

  private makeEnvironment(): Record<string, string> {
    const { cloudWatch, headers, signals } = this.props;
    const stack = Stack.of(this);
    const endpoint = cloudWatch ? `https://xray.${stack.region}.${stack.urlSuffix}` : this.props.endpoint;
    return {
      ...(endpoint ? { DISPATCH_POST_URI: endpoint, DISPATCH_SIGNALS: (signals ?? ["traces"]).join(",") } : {}),
      ...(headers ? { DISPATCH_POST_HEADERS: headers } : {}),
      ...(cloudWatch ? { DISPATCH_LOG_GROUP: cloudWatch.logGroupName } : {}),
      ...this.props.environment,
    };
  }
}
