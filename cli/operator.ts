import { type Played, play } from "./event.ts";
import { first } from "./files.ts";
import { readKeys } from "./keys.ts";
import { signApi } from "./sources/orders.ts";

/** How the webhook is asked for what operators do: over the signed interface. */
export type Operator = ReturnType<typeof connectOperator>;

/** Without a key, the local caller `ops` signs. Throws an error where there is none. */
export function connectOperator({ url, key }: { url: string; key?: string }) {
  const secret = key ?? first(readKeys().api?.ops);
  if (!secret) throw new Error("Whose key signs? Say --key or RESIGN_KEY, or have a caller ops in the keys");

  /** `id`: the same again is a repeat. */
  async function ask(method: "GET" | "POST", path: string, body?: object, id?: string): Promise<Played> {
    const played = await play(signApi({ method, path, body }, secret ?? "", id === undefined ? {} : { id }), url);
    if (!played.isOk) throw new Error(`${played.status} ${played.text}`);
    return played;
  }

  return {
    ask,
    /** What is answered, of the form that the interface has. */
    call: async <T>(method: "GET" | "POST", path: string, body?: object): Promise<T> =>
      JSON.parse((await ask(method, path, body)).text) as T,
  };
}
