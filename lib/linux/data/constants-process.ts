export const processConstants = `
`;
