export const memoryConstants = `
`;
