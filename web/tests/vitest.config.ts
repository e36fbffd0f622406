import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const long = (file: TestSpecification) => Number(/incident/.test(file.moduleId));
    return [...files].sort((one, other) => long(other) - long(one) || one.moduleId.localeCompare(other.moduleId));
  }
}

// The page in a real browser on the real binary. Two files at a time: the incidents wait for minutes, the others compute.
// (`npm run e2e -- board` runs one.)
export default defineConfig({
  test: {
    include: ['tests/**/*.e2e.ts'],
    environment: 'node',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes in a second; not always while something else is built on the machine.
    expect: { poll: { timeout: 15_000 } },
  },
});
