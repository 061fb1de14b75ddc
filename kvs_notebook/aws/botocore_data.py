"""botocore's data files, each read once for all models and clients of this process."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel


@cache
def data_loader(data_path: str | None) -> Loader:
    """Return the loader of botocore's own folders and of ``data_path``, which keeps what it has read.

    It parses with orjson: the endpoints of all services, which each first client needs, take json 40 ms. Benchmark: first-table.
    """
    from botocore.exceptions import DataNotFoundError
    from botocore.loaders import JSONFileLoader, Loader, create_loader, instance_cache

    class FileLoader(JSONFileLoader):
        """Read a data file, compressed or not."""

        def load_file(self, file_path: str) -> Any:
            import orjson

            plain, compressed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
            if plain.is_file():
                return orjson.loads(plain.read_bytes())
            return orjson.loads(gzip.decompress(compressed.read_bytes())) if compressed.is_file() else None

    class DirectLoader(Loader):
        """Read the model of a service without listing all services, which takes as long as parsing it."""

        @instance_cache
        def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
            try:
                version = api_version or self.determine_latest_version(service_name, type_name)
                model = self.load_data(f"{service_name}/{version}/{type_name}")
            except DataNotFoundError:
                return super().load_service_model(service_name, type_name, api_version)  # raises what is wrong
            extras = self._find_extras(service_name, type_name, version)  # type: ignore[attr-defined] # of botocore
            self._extras_processor.process(model, extras)  # type: ignore[attr-defined] # of botocore
            return model

    return DirectLoader(
        extra_search_paths=create_loader(data_path).search_paths,
        include_default_search_paths=False,
        file_loader=FileLoader(),
    )


def load_model(service_name: str) -> ServiceModel:
    """Return botocore's model of a service, without a session or a client."""
    from botocore.model import ServiceModel

    return ServiceModel(data_loader(None).load_service_model(service_name, "service-2"), service_name)
