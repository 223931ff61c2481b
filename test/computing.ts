/** How long `act` computes, in milliseconds, however busy the machine is. */
export function computingMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
