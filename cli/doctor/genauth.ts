import { connectGenAuth, type GenAuthClient, named, readToken } from "../genauth-client.ts";
import { idSettingsOf } from "../sources/index.ts";
import type { Finding } from "./finding.ts";

/** Looks whether GenAuth takes the token, what the token may do, and which ids GenAuth stored of one person. */
export async function askGenAuth(options: {
  genauth: string;
  pool: string;
  token?: string;
  person?: string;
}): Promise<Finding[]> {
  const { genauth: host, pool, token: file, person } = options;
  const given = readToken(file);
  if ("wrong" in given) {
    const advice = 'It is {"token"} or {"accessKeyId","accessKeySecret"}.';
    return [{ what: "GenAuth token", found: given.wrong, isWell: false, advice }];
  }
  const genauth = connectGenAuth({ host, pool, given });
  const findings = await askToken(genauth);
  return person ? [...findings, ...(await askRelations(genauth, person))] : findings;
}

/** An id that nobody has. */
const nobody = named("lark:doctor-looks-for-nobody");

async function askToken(genauth: GenAuthClient): Promise<Finding[]> {
  const { kind, answer } = await genauth.look(nobody);
  const what = "GenAuth token";
  if (kind !== "not_found") {
    return [{ what, found: `${kind} (${answer.message})`, isWell: false, advice: tokenAdvice[kind] }];
  }
  const found = "works, and knows nobody by an id that we made up";
  return [{ what, found, isWell: true }, await askRightToList(genauth), await askHeadcount(genauth)];
}

const mayNotLook = (operation: string) =>
  `The token may not call ${operation}: grant the co-administrator the right to it. Until then every departure is held for unseen.`;

const tokenAdvice = {
  token_refused: "GenAuth refuses it: make a new key pair, of a co-administrator who may read and resign users.",
  refused: `${mayNotLook("get-user")} Is genauth.userPoolId right?`,
  busy: "GenAuth does not answer as it should: is genauth.host right?",
  done: "Somebody has the id that we made up: that cannot be.",
};

/** A look asks for the user and for every sync relation of theirs: who may not see both sees nothing. */
async function askRightToList(genauth: GenAuthClient): Promise<Finding> {
  const listed = await genauth.relations(nobody);
  const isWell = listed.kind === "not_found" || listed.kind === "done";
  return {
    what: "GenAuth token, sync relations",
    found: isWell ? "may be listed" : `${listed.kind} (${listed.answer.message})`,
    isWell,
    advice: listed.kind === "refused" ? mayNotLook("get-user-sync-relations") : "Ask again: GenAuth did not answer.",
  };
}

/** What the brake's share is a share of, asked as the resigner asks it. */
async function askHeadcount(genauth: GenAuthClient): Promise<Finding> {
  const listed = await genauth.headcount();
  return {
    what: "GenAuth token, headcount",
    found: listed.kind === "done" ? `${listed.data.totalCount} people` : `${listed.kind} (${listed.answer.message})`,
    isWell: listed.kind === "done",
    advice:
      "The brake does not know what its share is of: grant the right to list-users, or set brake.headcount to a number.",
  };
}

/** Which ids GenAuth's sync stored of somebody. */
async function askRelations(genauth: GenAuthClient, person: string): Promise<Finding[]> {
  const known = await genauth.relations(named(person));
  if (known.kind !== "done") {
    const advice =
      known.kind === "refused" ? mayNotLook("get-user-sync-relations") : "Name somebody whom GenAuth's sync made.";
    return [{ what: person, found: known.kind, isWell: false, advice }];
  }
  return known.data.map((relation) => {
    const settings = idSettingsOf(relation).map(({ said }) => `, so set ${said.join(" and ")}`);
    return { what: person, found: `is ${relation}${settings.join("")}`, isWell: true };
  });
}
