/**
 * DynamoDB in this process: the SDK's client asks dynalite without a connection or a signature in between, which were
 * more than half of the work of a request. Whole stacks, as `startStack` starts them, ask over the network.
 */
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";
import { createTable } from "../local/tables.ts";

export type DynamoDb = ReturnType<typeof startDynamoDb>;

export function startDynamoDb() {
  const server = dynalite({ createTableMs: 0 });
  const newClient = () =>
    new DynamoDBClient({
      region: "us-east-1",
      endpoint: "http://127.0.0.1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      signer: { sign: async (request) => Object.assign(request, { headers: { ...request.headers, ...signed } }) },
      requestHandler: { handle: async (request: Asked) => ({ response: await answer(request) }) },
    });

  function answer({ method, headers, body }: Asked): Promise<Answered> {
    return new Promise((resolve) => {
      const request = Object.assign(new EventEmitter(), { method, url: "/", headers });
      const sent: Record<string, string> = {};
      const response = {
        statusCode: 200,
        setHeader: (name: string, value: unknown) => {
          sent[name.toLowerCase()] = String(value);
        },
        end: (text: string) =>
          resolve({ statusCode: response.statusCode, headers: sent, body: Readable.from([Buffer.from(text)]) }),
      };
      server.emit("request", request, response);
      request.emit("data", Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      request.emit("end");
    });
  }

  const client = newClient();
  return {
    client,
    newClient,
    createLedgerTable: (name: string) => createTable(name, ledgerTable, client),
    createQuarantineTable: (name: string) => createTable(name, quarantineTable, client),
  };
}

interface Asked {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

interface Answered {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

/** Enough for dynalite, which looks whether there is a signature, and not whether it is right. */
const signed = {
  authorization:
    "AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none",
  "x-amz-date": "20261124T000000Z",
};
