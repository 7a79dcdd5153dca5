export const argumentConstants = `
openat.flags: open-flags flags
`;
