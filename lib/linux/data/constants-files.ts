export const fileConstants = `
`;
