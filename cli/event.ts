/** A request ready to be sent. */
export interface SignedRequest {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** An event, signed for its source. */
export interface SampleEvent {
  readonly title: string;
  readonly request: SignedRequest;
  /** The HTTP status that it is answered with where all is well. */
  readonly expected: number;
}

/** What came back. */
export interface Played {
  readonly status: number;
  readonly isOk: boolean;
  readonly text: string;
  /** The answer's `Date`, by the clock of the webhook; `NaN` where it has none. */
  readonly dateMs: number;
}

/** Plays an event: sends it, and tells what came back. Throws an error that says what to do where nobody answers. */
export async function play(request: SignedRequest, url: string): Promise<Played> {
  const response = await send(request, url).catch(() => {
    throw new Error(`Nobody answers at ${url}: is it running? (npm start)`);
  });
  const dateMs = Date.parse(response.headers.get("date") ?? "");
  return { status: response.status, isOk: response.ok, text: await response.text(), dateMs };
}

/** Sends a signed request to an address. */
export function send({ method, path, headers, body }: SignedRequest, address: string): Promise<Response> {
  return fetch(address.replace(/\/$/, "") + path, { method, headers, ...(body && { body }) });
}
