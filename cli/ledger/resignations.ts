/** Resignations as operators see them. */
import type { operatorView } from "../../lambda/resignation/view.ts";
import type { Operator } from "../operator.ts";

/** A resignation as the interface gives it to operators. */
export type Shown = ReturnType<typeof operatorView>;

/** Which resignations are meant; what is left out means all. */
export interface Filter {
  status?: string;
  /** A sync relation. */
  user?: string;
  /** An instant. */
  since?: string;
}

/** Every resignation, the newest first, page by page. */
export async function* listAll(operator: Operator, { status, user, since }: Filter): AsyncGenerator<Shown> {
  const filter = { ...(status && { status }), ...(user && { userId: user }), ...(since && { since }), limit: "100" };
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ ...filter, ...(cursor && { cursor }) });
    const page = await operator.call<{ items: Shown[]; nextCursor?: string }>("GET", `/resignations?${query}`);
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor);
}

/** All that a brake event holds. */
export async function listHeldBy(operator: Operator, brakeId: string): Promise<Shown[]> {
  const held: Shown[] = [];
  for await (const one of listAll(operator, { status: "held" })) {
    if (one.status === "held" && one.brakeId === brakeId) held.push(one);
  }
  return held;
}

/** Resigned though said to be back, and no operator has taken it off the list. */
export function isUrgent({ status, backAfterResigned, acknowledged }: Shown): boolean {
  return status === "resigned" && backAfterResigned !== undefined && acknowledged === undefined;
}
