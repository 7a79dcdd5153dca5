export const kernelConstants = `
`;
