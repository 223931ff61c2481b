import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { ResignWebhookStack } from "./resign-webhook.ts";
import { parseSettings } from "./settings.ts";

const app = new App();
const settings = parseSettings(app.node.tryGetContext("resignWebhook"));
new ResignWebhookStack(app, "ResignWebhook", settings);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
