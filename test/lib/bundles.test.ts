/** Weight is a feature: WeCom gives one second, cold start included. Bytes and names, never times. */
import { build } from "esbuild";
import { expect, test } from "vitest";
import { bundling } from "../../lib/bundling.ts";

const budgetsKb: Record<string, number> = { webhook: 500, resigner: 480, notifier: 470, sweep: 440 };

test.each(Object.entries(budgetsKb))(
  "%s stays under %i kB and bundles nothing that it must not",
  async (name, budgetKb) => {
    const { outputFiles, metafile } = await build({
      entryPoints: [`lambda/${name}.ts`],
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      minify: true,
      format: bundling.format,
      target: bundling.target,
      mainFields: [...bundling.mainFields],
      banner: { js: bundling.banner },
      logLevel: "error",
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
    ]) {
      expect(inputs.filter((input) => banned.test(input))).toEqual([]);
    }
  },
);
