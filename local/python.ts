import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { folder } from "../cli/files.ts";

/** A program of PyPI, whose command is called as the package is. */
export interface PythonProgram {
  readonly name: string;
  readonly version: string;
  /** What there is to do where it cannot be had. */
  readonly otherwise: string;
}

/**
 * Installs a program into a virtual environment of its own, in a folder that git ignores, unless it is there. Gives
 * back its command. Throws errors that say what is missing.
 */
export function installPython(program: PythonProgram, venv = `${folder}/${program.name}-${program.version}`): string {
  const { name, version, otherwise } = program;
  const command = `${venv}/bin/${name}`;
  if (existsSync(command)) return command;
  const python = findPython(program);
  console.log(`installing ${name} ${version} into ${venv} …`);
  try {
    execFileSync(python, ["-m", "venv", venv], { stdio: "pipe" });
    execFileSync(`${venv}/bin/pip`, ["install", "--quiet", "--disable-pip-version-check", `${name}==${version}`], {
      stdio: "pipe",
    });
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    throw new Error(
      `${name} could not be installed (is there a network, and python3-venv?): ${otherwise}\n${stderr?.toString().slice(-600)}`,
    );
  }
  return command;
}

function findPython({ name, otherwise }: PythonProgram): string {
  const isRecent = "import sys; sys.exit(sys.version_info < (3, 10))";
  for (const python of ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"]) {
    try {
      execFileSync(python, ["-c", isRecent], { stdio: "ignore" });
      return python;
    } catch {
      // not this one
    }
  }
  throw new Error(`Python 3.10 or later is needed for ${name}: install it, or ${otherwise}`);
}
