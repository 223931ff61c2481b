/**
 * Bundles take this for the SDK's endpoint discovery and its cache of endpoints (lib/bundling.ts): DynamoDB's client
 * sets it up, and none of its commands uses it.
 */
export const resolveEndpointDiscoveryConfig = <C>(config: C): C => config;

export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS = {
  environmentVariableSelector: () => undefined,
  configFileSelector: () => undefined,
  default: undefined,
};
