export const constantFamilyTable = `
`;
