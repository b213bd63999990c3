/**
 * @param host a name or an address; of IPv6 also in brackets, as in a URL
 * @returns whether it leads to this machine alone
 */
export const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i.test(host);
