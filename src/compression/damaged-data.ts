/** What is wrong with compressed data, as words that follow its name: `is cut off`. Only for within this folder. */
export class DamagedData extends Error {}
