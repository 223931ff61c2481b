import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { ResignWebhookStack } from "./resign-webhook.ts";
import { parseSettings } from "./settings.ts";

const app = new App();
// From cdk.json an object, from `--context` its text.
const context: unknown = app.node.tryGetContext("resignWebhook");
const settings = parseSettings(typeof context === "string" ? JSON.parse(context) : context);
new ResignWebhookStack(app, "ResignWebhook", settings);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
