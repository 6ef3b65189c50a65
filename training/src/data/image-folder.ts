import { labelledFiles } from './class-folders.ts';
import type { Dataset } from './dataset.ts';
import { type ImageLayout, imageDataset } from './encoded-images.ts';
import { imageMetadata, metadataLabels } from './image-metadata.ts';
import type { PartRequest } from './split.ts';

export interface ImageFolderOptions extends PartRequest, ImageLayout {
  readonly dir: string;
}

const extensions = new Set(['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'tif', 'tiff']);

/**
 * A folder of images of any size, made alike as `imageDataset` says, and decoded when they are gathered where they are
 * too many to be held. Classes and splits: see `labelledFiles`; classes that a table gives (`imageMetadata`) come before
 * those of folders.
 * @throws UserError naming the folder or the image that cannot be used.
 */
export async function imageFolder(options: ImageFolderOptions): Promise<Dataset> {
  const metadata = await imageMetadata(options.dir);
  const { paths, first, sample, passedOver, labels, classNames } = await labelledFiles({
    ...options,
    what: 'images',
    extensions,
    foldersAreNoClasses: metadata !== null,
  });
  const classes =
    metadata === null
      ? { labels, classNames }
      : { labels: metadataLabels(metadata, paths), classNames: metadata.classNames };
  const notes = passedOver.filter((text) => metadata === null || !/^\d+ \.(csv|jsonl)$/.test(text));
  const imageAt = (path: string) => ({ where: path, source: path });
  return imageDataset(
    {
      name: 'images',
      split: options.split,
      size: paths.length,
      ...classes,
      ...(notes.length > 0 ? { notes: [`files passed over: ${notes.join(', ')}`] } : {}),
    },
    () => imageAt(first),
    (index) => imageAt(paths[index]!),
    { ...options, seen: sample.map(imageAt) },
  );
}
