/** The version in package.json, for where no file can be read (test/house/docs.test.ts). */
export const PROGRAM_VERSION = "0.1.0";
