;;; pen-key.el --- Find the key of a provider -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The local engine needs no key.  When the service first needs a provider that
;; does, it asks for its key, which is looked for in auth-source, then in the
;; environment, then in the file that pen.el had.  A line of ~/.authinfo.gpg:
;;
;;   machine api.openai.com login apikey password sk-…
;;
;; A key is sent to the service and nowhere else, and is never shown or logged.

;;; Code:

(eval-when-compile (require 'pcase))
(require 'pen-rpc)

;;;; Customization

(defcustom pen-key-sources '(auth-source environment file)
  "Where to look for the keys of providers, in this order.
`environment' is PEN_API_KEY, and for OpenAI also OPENAI_API_KEY;
`file' is ~/.pen/openai_api_key, for OpenAI alone."
  :type '(repeat (choice (const auth-source) (const environment) (const file)))
  :risky t
  :group 'pen)

;;;; Internal variables

(defconst pen-key--openai "api.openai.com" "The host that the old file is for.")
(defconst pen-key--file "~/.pen/openai_api_key" "The file that pen.el had.")

;;;; Declarations

(declare-function auth-source-search "auth-source" (&rest spec))

;;;; Functions

(defun pen-key-find (host)
  "Return (SOURCE . KEY) for HOST, a name with or without a port; nil if none."
  (let ((sources pen-key-sources)
        (found nil))
    (while (and sources (not found))
      (let* ((source (pop sources))
             (key (pcase source
                    ('auth-source (pen-key--auth-source host))
                    ('environment (pen-key--environment host))
                    ('file (pen-key--file host)))))
        (when (and key (not (string= key "")))
          (setq found (cons source key)))))
    found))

(defun pen-key--auth-source (host)
  "Return the key that auth-source has for HOST, or nil."
  (require 'auth-source)
  (let* ((parts (split-string host ":"))
         (entry (or (car (apply #'auth-source-search :host (car parts) :max 1
                                :require '(:secret)
                                (and (cadr parts) (list :port (cadr parts)))))
                    (car (auth-source-search :host host :max 1 :require '(:secret)))))
         (secret (plist-get entry :secret)))
    (if (functionp secret) (funcall secret) secret)))

(defun pen-key--environment (host)
  "Return the key for HOST that the environment has, or nil."
  (or (getenv "PEN_API_KEY")
      (and (equal host pen-key--openai)
           (getenv "OPENAI_API_KEY"))))

(defun pen-key--file (host)
  "Return the key that the old file has, if HOST is the one that it is for."
  (when (and (equal host pen-key--openai)
             (file-readable-p pen-key--file))
    (with-temp-buffer
      (insert-file-contents pen-key--file nil 0 4096)
      (goto-char (point-min))
      (buffer-substring-no-properties
       (progn (skip-chars-forward " \t\n") (point))
       (progn (skip-chars-forward "^ \t\n") (point))))))

(defun pen-key-send (host)
  "Look for the key of HOST and send it to the service, or that there is none.
Errors are logged by their names only: their texts might hold the key."
  (let ((key (condition-case err
                 (with-local-quit (cdr (pen-key-find host)))
               (error (pen-rpc-log "Looking for the key of %s failed: %s" host (car err))
                      nil))))
    (when (and key (string-match-p "[^!-~]" key))
      (message "The key for %s has a character that no key has; correct it where it is kept."
               host)
      (setq key nil))
    (pen-rpc-call "providers-set-key" (list :host host :key key) #'ignore #'ignore)))

(provide 'pen-key)
;;; pen-key.el ends here
