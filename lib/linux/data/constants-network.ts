export const networkConstants = `
`;
