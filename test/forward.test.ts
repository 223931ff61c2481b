/** One address, two listeners: what we pass on is what was sent, and the second one's own verification takes it. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createRawServer } from "node:net";
import { AESCipher, EventDispatcher, generateChallenge } from "@larksuiteoapi/node-sdk";
import { decrypt, getSignature } from "@wecom/crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { larkDeleted, send, signLark, signWechatwork, signWechatworkCheck, wechatworkDeleted } from "../cli/sign.ts";
import { createForwarder } from "../lambda/forwarder.ts";
import { post } from "../lambda/intake/delivery.ts";
import { toForward } from "../lambda/intake/forward.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { type Listening, listen, readBody } from "../local/listen.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { now, settings, toRequest } from "./parts.ts";

interface Heard {
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

let aws: LocalAws;
let genauth: GenAuthSimulator;
let listener: Listening;
let heard: Heard[] = [];
let answer: (response: ServerResponse, one: Heard) => void;
let stack: Awaited<ReturnType<typeof startStack>> | undefined;
let lines: string[] = [];
const keys = newKeys();
const wechatworkKeys = { ...keys.wechatwork, receiveId: "wwlocal" };

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  const server = createServer(async (request, response) => {
    const one = {
      url: request.url ?? "",
      headers: request.headers,
      body: (await readBody(request)) ?? Buffer.alloc(0),
    };
    heard.push(one);
    answer(response, one);
  });
  listener = await listen(server, 0);
});
beforeEach(() => {
  genauth.reset();
  heard = [];
  lines = [];
  answer = (response) => response.end("success");
});
afterEach(async () => {
  await stack?.close();
  stack = undefined;
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close(), listener.close()]);
});

async function start(changes: object = {}): Promise<string> {
  stack = await startStack({
    aws,
    genauth,
    keys,
    settings: {
      lark: { forwardTo: `${listener.url}/sync/lark?pool=1` },
      wechatwork: { forwardTo: `${listener.url}/sync/wechatwork` },
      ...changes,
    },
    writeLog: (line) => lines.push(line),
  });
  return stack.url;
}

const metrics = () => lines.flatMap((line) => JSON.parse(line)._aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []);
const event = (id: string) => larkDeleted({ open_id: id }, { token: keys.lark.verificationToken });
const fromLark = (id: string) => signLark(event(id), keys.lark);

test("Lark's own SDK takes what was passed on", async () => {
  const url = await start();
  const sent = fromLark("ou_demo_1");
  expect((await send(sent, url)).status).toBe(200);
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
  const [{ url: path, headers, body }] = heard as [Heard];
  expect(path).toBe("/sync/lark?pool=1");
  expect(body.toString()).toBe(sent.body);

  const left: unknown[] = [];
  const { encryptKey, verificationToken } = keys.lark;
  const dispatcher = new EventDispatcher({ encryptKey, verificationToken }).register({
    "contact.user.deleted_v3": (data) => void left.push(data.object?.open_id),
  });
  const content = JSON.parse(body.toString());
  expect(generateChallenge(content, { encryptKey }).isChallenge).toBe(false);
  expect(new AESCipher(encryptKey).decrypt(content.encrypt)).toContain("ou_demo_1");
  await dispatcher.invoke(Object.assign(Object.create({ headers }), content));
  expect(left).toEqual(["ou_demo_1"]);
});

test("WeCom's own library takes what was passed on, query and all", async () => {
  const url = await start();
  const sent = signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), wechatworkKeys);
  await send(sent, url);
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
  const [{ url: path, body }] = heard as [Heard];
  expect(path).toBe(sent.path.replace("/wechatwork", "/sync/wechatwork"));
  const query = new URL(path, "http://x").searchParams;
  const [, encrypted = ""] = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(body.toString()) ?? [];
  const signature = getSignature(
    keys.wechatwork.token,
    query.get("timestamp") ?? "",
    query.get("nonce") ?? "",
    encrypted,
  );
  expect(signature).toBe(query.get("msg_signature"));
  expect(decrypt(keys.wechatwork.encodingAesKey, encrypted).message).toContain("demo_1");
});

test("what is not verified, and URL checks, are not passed on; events of other kinds are", async () => {
  const url = await start();
  await send({ ...fromLark("ou_demo_1"), body: '{"encrypt":"x"}' }, url);
  const { encryptKey, verificationToken: token } = keys.lark;
  const check = { type: "url_verification", challenge: "c", token };
  expect((await send(signLark(check, { encryptKey }, new Date(), false), url)).status).toBe(200);
  expect((await send(signWechatworkCheck("123456", wechatworkKeys), url)).status).toBe(200);
  const other = {
    schema: "2.0",
    header: { event_id: "e", event_type: "contact.department.created_v3", token },
    event: {},
  };
  expect((await send(signLark(other, keys.lark), url)).status).toBe(200);
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
});

test("a listener that hangs delays neither the answer nor the resignation, and hears in order when it is back", async () => {
  let isDown = true;
  answer = (response) => {
    if (isDown) response.writeHead(503).end();
    else response.end();
  };
  const url = await start();
  for (const n of [1, 2, 3]) expect((await send(fromLark(`ou_demo_${n}`), url)).status).toBe(200);
  await expect.poll(() => genauth.calls().length, { timeout: 10_000 }).toBe(3);
  expect(new Set(heard.map(({ body }) => body.toString())).size).toBe(1);
  isDown = false;
  await expect.poll(() => metrics().filter((name) => name === "Forwarded").length, { timeout: 40_000 }).toBe(3);
  const taken = heard
    .slice(-3)
    .map(({ body }) => new AESCipher(keys.lark.encryptKey).decrypt(JSON.parse(body.toString()).encrypt));
  for (const n of [1, 2, 3]) expect(taken[n - 1]).toContain(`ou_demo_${n}`);
  const told = lines.map((line) => JSON.parse(line)).filter(({ service }) => service === "forwarder");
  expect(told.every(({ ageSeconds, message }) => message === "ForwardAgeSeconds" || ageSeconds >= 0)).toBe(true);
}, 60_000);

describe("the second listener", () => {
  const forward = toForward("lark", toRequest(fromLark("ou_1")), now);

  test("is not followed to another place", async () => {
    answer = (response) => response.writeHead(302, { location: `${listener.url}/elsewhere` }).end();
    expect(await post(forward, listener.url)).toBe(302);
    expect(heard).toHaveLength(1);
  });

  test("is not read any further than its status", async () => {
    let sent = 0;
    answer = (response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        sent += chunk.length;
        if (sent < 200 * 1024 * 1024 && !response.destroyed) response.write(chunk, () => setImmediate(more));
        else response.end();
      };
      more();
    };
    expect(await post(forward, listener.url)).toBe(200);
    expect(sent).toBeLessThan(50 * 1024 * 1024);
  });

  test("gets no headers of the connection", async () => {
    await post({ ...forward, headers: { ...forward.headers, "x-own": "1" } }, listener.url);
    const request = {
      ...toRequest(fromLark("ou_1")),
      headers: { host: "our.example", "x-forwarded-for": "1.2.3.4", "X-Own": "1" },
    };
    expect(toForward("lark", request, now).headers).toEqual({ "X-Own": "1" });
    expect(heard[0]?.headers["x-own"]).toBe("1");
  });

  // `fetch` writes `'` as `%27`, and adds headers of its own.
  test("gets query, headers and body to the byte", async () => {
    const received = await startRaw();
    const rawQuery = "a=%zz&b=%E4%bd&c=%c3%28&d='x'&e=a+b%20c&f=%&g=|^`{}[]&h=\"<>&&=&i=%2f%2F;,:@/?*!~()\\";
    const bodies = [Buffer.alloc(0), Buffer.from([0xff, 0, 0xc3, 0x28, 0x0d, 0x0a]), Buffer.from("飞书 ß")];
    const query = [rawQuery, "", "=", "&", "msg_signature=a%2Bb&echostr=x=="];
    const headers = { "x-lark-signature": "0a  b", "content-type": "text/xml", "user-agent": "WeCom/1" };
    for (const body of bodies) {
      for (const one of query) {
        const sent = { ...forward, headers, rawQuery: one, body: body.toString("base64") };
        expect(await post(sent, `${received.url}/sync/a%2fb?pool=1`)).toBe(204);
        const address = `/sync/a%2fb?pool=1${one && "&"}${one}`;
        const head = [
          `POST ${address} HTTP/1.1`,
          ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        ];
        const [gotHead = "", gotBody] = splitRaw(await received.next());
        const ofConnection = /^(host|connection|content-length):/i;
        expect(gotHead.split("\r\n").filter((line) => !ofConnection.test(line))).toEqual(head);
        expect(gotHead).toContain(`content-length: ${body.length}`);
        expect(gotBody).toEqual(body);
      }
    }
    for (const one of query.slice(1)) {
      await post({ ...forward, rawQuery: one }, received.url);
      expect(splitRaw(await received.next())[0]).toMatch(`POST /${one && "?"}${one} HTTP/1.1`);
    }
    // A stranger who repeats a verified request must not stop the ones behind it.
    await post({ ...forward, rawQuery: "a=飞 \ud800\r\nb" }, received.url);
    expect(splitRaw(await received.next())[0]).toMatch("POST /?a=%E9%A3%9E%20%EF%BF%BD%0D%0Ab HTTP/1.1");
    await received.close();
  });

  test("has ten seconds to answer", async () => {
    answer = () => {};
    const begun = Date.now();
    await expect(post(forward, listener.url)).rejects.toMatchObject({ name: "AbortError" });
    expect(Date.now() - begun).toBeLessThan(15_000);
  }, 20_000);

  test.each([
    ["refuses three times", 401, 3, 0, true],
    ["refuses twice", 401, 2, 0, false],
    ["throttles", 429, 50, 3_600, false],
    ["is down for an hour", 503, 50, 3_600, false],
    ["is down for more than a day", 503, 99, 86_401, true],
  ])("that %s", async (_, status, attempt, ageSeconds, isBuried) => {
    answer = (response) => response.writeHead(status).end();
    const buried: unknown[] = [];
    const delays: number[] = [];
    const forwarder = createForwarder({
      queue: {
        bury: async (...given) => void buried.push(given),
        delay: async (_receipt, seconds) => void delays.push(seconds),
      },
      settings: settings({ lark: { forwardTo: listener.url } }),
      log: { info() {}, warn() {}, error() {}, count() {}, measure() {} },
      now: () => new Date(now.getTime() + ageSeconds * 1000),
    });
    const record = { body: JSON.stringify(forward), messageId: "m", receiptHandle: "r" };
    const attributes = { ApproximateReceiveCount: String(attempt) };
    const { batchItemFailures } = await forwarder({ Records: [{ ...record, attributes }] as never });
    expect([buried.length, batchItemFailures.length, delays.length]).toEqual(isBuried ? [1, 0, 0] : [0, 1, 1]);
    if (isBuried) expect(buried[0]).toEqual([record.body, "lark"]);
  });
});

/** A server that reads no HTTP: it takes the bytes as they come, and answers 204 to each request. */
async function startRaw() {
  const received: Buffer[] = [];
  const server = createRawServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      const [head, body] = splitRaw(bytes);
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length === undefined || body.length < Number(length)) return;
      received.push(bytes);
      bytes = Buffer.alloc(0);
      socket.end("HTTP/1.1 204 No Content\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: async () => received.shift() as Buffer,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function splitRaw(bytes: Buffer): [head: string, body: Buffer] {
  const end = bytes.indexOf("\r\n\r\n");
  return [bytes.subarray(0, end).toString("latin1"), bytes.subarray(end + 4)];
}
