"""Volumes of a pod, by where they come from.

Source: k8s.io/api `core/v1/types.go` of all minors, fields in the words of `gotypes.structs`.
"""

VOLUMES = {
    "Volume": (
        "str: name! *HostPathVolumeSource: hostPath *EmptyDirVolumeSource: emptyDir "
        "*GCEPersistentDiskVolumeSource: gcePersistentDisk *AWSElasticBlockStoreVolumeSource: "
        "awsElasticBlockStore *GitRepoVolumeSource: gitRepo *SecretVolumeSource: secret *NFSVolumeSource: nfs "
        "*ISCSIVolumeSource: iscsi *GlusterfsVolumeSource: glusterfs *PersistentVolumeClaimVolumeSource: "
        "persistentVolumeClaim *RBDVolumeSource: rbd *FlexVolumeSource: flexVolume *CinderVolumeSource: cinder "
        "*CephFSVolumeSource: cephfs *FlockerVolumeSource: flocker *DownwardAPIVolumeSource: downwardAPI "
        "*FCVolumeSource: fc *AzureFileVolumeSource: azureFile *ConfigMapVolumeSource: configMap "
        "*VsphereVirtualDiskVolumeSource: vsphereVolume *QuobyteVolumeSource: quobyte *AzureDiskVolumeSource: "
        "azureDisk *PhotonPersistentDiskVolumeSource: photonPersistentDisk *ProjectedVolumeSource: projected "
        "*PortworxVolumeSource: portworxVolume *ScaleIOVolumeSource: scaleIO *StorageOSVolumeSource: storageos "
        "*CSIVolumeSource: csi *EphemeralVolumeSource: ephemeral *ImageVolumeSource: image"
    ),
    "HostPathVolumeSource": "str: path! *str: type",
    "EmptyDirVolumeSource": "str: medium *quantity: sizeLimit *int32: mode",
    "GCEPersistentDiskVolumeSource": "str: pdName! fsType int32: partition bool: readOnly",
    "AWSElasticBlockStoreVolumeSource": "str: volumeID! fsType int32: partition bool: readOnly",
    "GitRepoVolumeSource": "str: repository! revision directory",
    "SecretVolumeSource": (
        "str: secretName [KeyToPath]: items *int32: defaultMode *bool: optional *int64: defaultUser"
    ),
    "NFSVolumeSource": "str: server! path! bool: readOnly",
    "ISCSIVolumeSource": (
        "str: targetPortal! iqn! iscsiInterface fsType int32: lun! bool: readOnly chapAuthDiscovery "
        "chapAuthSession [str]: portals *LocalObjectReference: secretRef *str: initiatorName"
    ),
    "GlusterfsVolumeSource": "str: endpoints! path! bool: readOnly",
    "PersistentVolumeClaimVolumeSource": "str: claimName! bool: readOnly",
    "RBDVolumeSource": (
        "[str]: monitors! str: image! fsType pool user keyring *LocalObjectReference: secretRef bool: readOnly"
    ),
    "FlexVolumeSource": "str: driver! fsType *LocalObjectReference: secretRef bool: readOnly {str}: options",
    "CinderVolumeSource": "str: volumeID! fsType bool: readOnly *LocalObjectReference: secretRef",
    "CephFSVolumeSource": (
        "[str]: monitors! str: path user secretFile *LocalObjectReference: secretRef bool: readOnly"
    ),
    "FlockerVolumeSource": "str: datasetName datasetUUID",
    "DownwardAPIVolumeSource": "[DownwardAPIVolumeFile]: items *int32: defaultMode *int64: defaultUser",
    "FCVolumeSource": "[str]: targetWWNs wwids *int32: lun str: fsType bool: readOnly",
    "AzureFileVolumeSource": "str: secretName! shareName! bool: readOnly",
    "ConfigMapVolumeSource": "str: name [KeyToPath]: items *int32: defaultMode *bool: optional *int64: defaultUser",
    "VsphereVirtualDiskVolumeSource": "str: volumePath! fsType storagePolicyName storagePolicyID",
    "QuobyteVolumeSource": "str: registry! volume! user group tenant bool: readOnly",
    "AzureDiskVolumeSource": "str: diskName! diskURI! *str: cachingMode fsType kind *bool: readOnly",
    "PhotonPersistentDiskVolumeSource": "str: pdID! fsType",
    "ProjectedVolumeSource": "[VolumeProjection]: sources! *int32: defaultMode *int64: defaultUser",
    "PortworxVolumeSource": "str: volumeID! fsType bool: readOnly",
    "ScaleIOVolumeSource": (
        "str: gateway! system! protectionDomain storagePool storageMode volumeName fsType *LocalObjectReference: "
        "secretRef! bool: sslEnabled readOnly"
    ),
    "StorageOSVolumeSource": (
        "str: volumeName volumeNamespace fsType bool: readOnly *LocalObjectReference: secretRef"
    ),
    "CSIVolumeSource": (
        "str: driver! *bool: readOnly *str: fsType {str}: volumeAttributes *LocalObjectReference: "
        "nodePublishSecretRef"
    ),
    "EphemeralVolumeSource": "*PersistentVolumeClaimTemplate: volumeClaimTemplate",
    "KeyToPath": "str: key! path! *int32: mode *int64: user",
    "DownwardAPIVolumeFile": (
        "str: path! *ObjectFieldSelector: fieldRef *ResourceFieldSelector: resourceFieldRef *int32: mode *int64: user"
    ),
    "VolumeProjection": (
        "*SecretProjection: secret *DownwardAPIProjection: downwardAPI *ConfigMapProjection: configMap "
        "*ServiceAccountTokenProjection: serviceAccountToken *ClusterTrustBundleProjection: clusterTrustBundle "
        "*PodCertificateProjection: podCertificate"
    ),
    "PersistentVolumeClaimTemplate": "ObjectMeta: metadata PersistentVolumeClaimSpec: spec!",
    "SecretProjection": "str: name [KeyToPath]: items *bool: optional",
    "DownwardAPIProjection": "[DownwardAPIVolumeFile]: items",
    "ConfigMapProjection": "str: name [KeyToPath]: items *bool: optional",
    "ServiceAccountTokenProjection": "str: audience path! *int64: expirationSeconds user",
    "ClusterTrustBundleProjection": (
        "*str: name signerName *LabelSelector: labelSelector *bool: optional str: path! *int64: user"
    ),
    "PersistentVolumeClaimSpec": (
        "[str]: accessModes *LabelSelector: selector VolumeResourceRequirements: resources str: volumeName *str: "
        "storageClassName volumeMode volumeAttributesClassName *TypedLocalObjectReference: dataSource "
        "*TypedObjectReference: dataSourceRef"
    ),
    "VolumeResourceRequirements": "{quantity}: limits requests",
    "TypedLocalObjectReference": "*str: apiGroup! str: kind! name!",
    "TypedObjectReference": "*str: apiGroup! namespace str: kind! name!",
    "ImageVolumeSource": "str: reference pullPolicy",
    "PodCertificateProjection": (
        "str: signerName keyType credentialBundlePath keyPath certificateChainPath *int32: maxExpirationSeconds "
        "{str}: userAnnotations *int64: user"
    ),
}
"""Name of a type to its fields."""
