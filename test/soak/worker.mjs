// One instance of a function, as Lambda runs it: the real bundle in a process of its own, one event at a time. Its
// clock goes faster than the wall's, so that leases and retries of minutes take seconds.
const { BUNDLE = "", CLOCK_START, CLOCK_SPEED, DEADLINE_SPEED } = process.env;
const RealDate = Date;
const start = Number(CLOCK_START);
const speed = Number(CLOCK_SPEED);
const fastNow = () => Math.round(start + (RealDate.now() - start) * speed);
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length > 0) super(...given);
    else super(fastNow());
  }
  static now = fastNow;
};

// Where functions run beside each other, a call's deadline goes by the same clock: otherwise it would outlast the
// lease that it is made under.
const realTimeout = AbortSignal.timeout;
AbortSignal.timeout = (ms) => realTimeout(ms / Number(DEADLINE_SPEED));

const { handler } = await import(BUNDLE);
process.on("message", async ({ event, remainingMs }) => {
  const endsAt = RealDate.now() + remainingMs;
  const context = { getRemainingTimeInMillis: () => endsAt - RealDate.now() };
  try {
    process.send({ answer: await handler(event, context) });
  } catch (error) {
    process.send({ error: String(error) });
  }
});
process.send({ ready: true });
