// Answers of frequent calls: made of rows that core has read, so that checking them once more would only cost time.
export function plainJson() {
  return (data: unknown) => JSON.stringify(data);
}
