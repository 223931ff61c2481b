/** What the commands must know of a source: the contract of the files beside this one. */
import type { Option } from "commander";
import type { Keys } from "../../lambda/sources/index.ts";
import type { SampleEvent, SignedRequest } from "../event.ts";

/** A section of the secret *webhook keys* as it stands in a file: of each field one key, or the former ones and the newest. */
export type Section = Record<string, string | string[]>;

/** A source. Its name is that of its section in the secret *webhook keys*. */
export interface Source {
  /** As people call it. */
  readonly title: string;
  /** What `npm run setup` asks for: the section's fields, or the names of callers, whose keys it makes. */
  readonly asks: Readonly<Record<string, Field | DependentField>> | "callers";
  /** Keys for the stack on one machine, made anew. */
  newKeys(): Section;
  /** Says what to paste where. `outputs` are the stack's; `taken` are the keys that setup took or made. */
  whatToPaste(outputs: Readonly<Record<string, string>>, taken: Readonly<Record<string, string>>): string;
  /** Which form of its events is taken with these keys, where that depends on them. */
  form?(section: Section): string;
  /** Harmless events that prove the keys, for `npm run doctor`: none changes anything. */
  checks(section: Section): SampleEvent[];
  /** What `npm start` plays of it, with people of the GenAuth simulator. */
  scenes(section: Section): Scene[];
  /** What `npm run send -- <name>` plays. */
  readonly sends: Departures | Talk;
  /** Who is in its directory, for `npm run reconcile`; left out where the source has no directory, or gives no list. */
  readonly directory?: Directory;
  /** The settings that follow from a sync relation of somebody; nothing where that is another source's. */
  idSettings?(relation: { provider: string; id: string }): Readonly<Record<string, string>> | undefined;
}

/** A question for each field of a section of the secret. */
export type FieldsOf<S extends keyof Keys> = { readonly [Name in keyof Keys[S]]-?: Field | DependentField };

/** A field of a section. */
export interface Field {
  readonly question: string;
  /** Makes one where nothing is typed; left out where the source makes it. */
  readonly make?: () => string;
  /** A value of the right form, to try the other fields with. */
  readonly sample: string;
  /** Several are no former ones and a newest: none of them is dropped. */
  readonly isList?: true;
}

/** A field that is asked for only where the others leave it open. */
export interface DependentField {
  questionFor(section: Section): string | undefined;
}

/** An event, and what must come of it. */
export interface Scene extends SampleEvent {
  /** Whose departure it is: a sync relation. */
  readonly userId: string;
  /** How many calls to resign this person GenAuth has had by then. */
  readonly calls: number;
}

/** Departures, as the source tells of them. */
export interface Departures {
  readonly description: string;
  /** Those of this source alone. */
  readonly options: readonly Option[];
  sign(section: Section, user: string, given: SendOptions): SignedRequest;
}

/** What was said to `npm run send`, besides the source's own options. */
export interface SendOptions {
  /** Send the source's check of the address instead. */
  readonly check?: boolean;
  /** When it happened; left out for now. */
  readonly at?: Date;
}

/** A conversation with the source, over its own interface. */
export interface Talk {
  /** The name of what is said. */
  readonly argument: string;
  readonly description: string;
  readonly options: readonly Option[];
  /** Says it, and prints what comes back. */
  talk(section: Section, said: string, url: string, given: object): Promise<void>;
}

/** A source's directory, asked over its own interface. */
export interface Directory {
  /** Those of this source alone. */
  readonly options?: readonly Option[];
  /** Every id that it knows, one after the other. Throws an error that says what is wrong. */
  read(given: DirectoryOptions): AsyncIterable<string>;
}

export interface DirectoryOptions {
  /** GenAuth's name of the sync source. */
  readonly provider: string;
  /** A file with what the source's interface takes. */
  readonly credentials?: string;
  /** Another host than the vendor's. */
  readonly host?: string;
}
