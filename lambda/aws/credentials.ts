import { fromEnv } from "@aws-sdk/credential-provider-env";

/**
 * Bundles take this for the SDK's chain of credential providers, which is a third of them (lib/bundling.ts): Lambda
 * gives a function its credentials in the environment and nowhere else.
 */
export const defaultProvider = () => fromEnv();
