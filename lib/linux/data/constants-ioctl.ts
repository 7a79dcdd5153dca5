export const ioctlConstants = `
`;
