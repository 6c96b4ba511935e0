/*
 * What a recipe says about an application. A recipe is data: everything that depends on the host,
 * such as package versions, is found when the image is composed.
 */
export interface Recipe {
  /** The name in `virga run NAME`. */
  readonly name: string;
  /** One line for the list of recipes. */
  readonly summary: string;
  /** Debian packages that have the program; its libraries' packages are found from these. */
  readonly packages: readonly string[];
  /** The program's path in the root. */
  readonly program: string;
  /** Arguments, without argv[0]. Arguments after `--` on the command line follow them. */
  readonly args: readonly string[];
  /** TCP ports that the program listens on, forwarded from the same port of the host by default. */
  readonly ports: readonly number[];
  /** Memory of the machine, as in --memory. */
  readonly memory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** More files and folders to take from the packages. */
  readonly files?: readonly string[];
  /** Libraries that the program opens with dlopen(), as paths; what they need comes along. */
  readonly plugins?: readonly string[];
  /** Empty folders. */
  readonly folders?: readonly string[];
  /** Files of the recipe's own: path → content. */
  readonly texts?: Readonly<Record<string, string>>;
}
