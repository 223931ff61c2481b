/** Weight is a feature: WeCom gives one second, cold start included. Bytes and names, never times. */
import { build } from "esbuild";
import { expect, test } from "vitest";
import { buildOptions } from "../../lib/bundling.ts";

const budgetsKb: Record<string, number> = {
  ...{ webhook: 350, desk: 375, resigner: 345, notifier: 305, sweep: 285, forwarder: 220 },
};

test.each(Object.entries(budgetsKb))(
  "%s stays under %i kB and bundles nothing that it must not",
  async (name, budgetKb) => {
    const { outputFiles, metafile } = await build({
      ...buildOptions(`lambda/${name}.ts`),
      write: false,
      metafile: true,
    });
    expect((outputFiles[0]?.contents.length ?? Number.POSITIVE_INFINITY) / 1000).toBeLessThan(budgetKb);
    const inputs = Object.keys(metafile.inputs);
    // The whole of zod, the vendors' SDKs, and anything that is not for the functions.
    for (const banned of [
      /zod\/v4\/classic/,
      /@larksuiteoapi/,
      /authing-node-sdk/,
      /@slack\/bolt/,
      /@wecom\/crypto/,
      /^local\//,
      /^test\//,
      /aws-crt/,
      // Credentials come from the environment alone: the SDK's whole chain is a third of a bundle.
      /credential-provider-(node|ini|sso|login|process|http|web-identity)/,
      /@aws-sdk\/nested-clients/,
    ]) {
      expect(inputs.filter((input) => banned.test(input))).toEqual([]);
    }
  },
);
