;;; pen-dataset-inspect.el --- Look at a training set that is there -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-dataset-inspect' checks a training file or a build's directory and
;; changes nothing: rows, statistics, what it would cost on the model that is
;; configured and on those with a price, and findings with the line to visit.

;;; Code:

(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-figure)
(require 'pen-stream)
(require 'pen-source)
(require 'pen-dataset-state)
(require 'pen-dataset)

;;;; Internal variables

(defconst pen-dataset-inspect-options
  '((:prompt string "definition whose format the rows are to fit")
    (:model string "model whose tokens are counted")
    (:max-tokens integer "longest example"))
  "What an inspection can be asked with.")

;;;; Functions

(defun pen-dataset-inspect--source (file)
  "Return FILE, a training file or a build's directory, as a source."
  (if (and (not (file-remote-p file)) (file-directory-p file))
      (pen-source-directory file)
    (pen-source-file file)))

(defun pen-dataset-inspect--request (source arguments)
  "Return the arguments of the method datasets-check for SOURCE and ARGUMENTS."
  (append (list :path (directory-file-name (pen-source-path source)))
          (pen-dataset-options-among arguments pen-dataset-inspect-options)))

(defun pen-dataset-inspect--plan (checked)
  "Return CHECKED, what the service found, in the form of a plan."
  (let ((rows (+ (plist-get checked :train) (plist-get checked :valid))))
    (append
     (list :summary
           (format "%s    %s (train %d, valid %d)    %s    %s"
                   (abbreviate-file-name (plist-get checked :path))
                   (pen-figure-count rows "row")
                   (plist-get checked :train) (plist-get checked :valid)
                   (if (plist-get checked :built) "as it was built" "no build")
                   (pen-figure-count (plist-get checked :errors) "error"))
           :records rows :directory (plist-get checked :path))
     checked)))

(defun pen-dataset-inspect--ask ()
  "Ask for what there is to say about the training set of this buffer."
  (pen-dataset-ask-by
   (lambda (function)
     (pen-stream-start #'pen-rpc-datasets-check
                       (pen-dataset-inspect--request pen-dataset--source
                                                     pen-dataset--arguments)
                       function))
   (lambda (checked)
     (pen-dataset-inspect--ask-cost)
     (pen-dataset-inspect--plan checked))))

(defun pen-dataset-inspect--ask-cost ()
  "Fill in the table of costs when it is known."
  (pen-rpc-datasets-cost
   :path (directory-file-name (pen-source-path pen-dataset--source))
   :then (pen-rpc-in-buffer
          (current-buffer)
          (lambda (costs)
            (when pen-dataset--plan
              (setq pen-dataset--plan
                    (plist-put pen-dataset--plan :costs (plist-get costs :table)))
              (pen-dataset-draw))))
   :else #'ignore))

(defun pen-dataset-inspect--default ()
  "Return the training file that is visited here, or nil."
  (and buffer-file-name
       (string-match-p "\\.jsonl\\'" buffer-file-name)
       buffer-file-name))

;;;; Commands

;;;###autoload
(defun pen-dataset-inspect (file &rest options)
  "Check FILE, a training file or a build's directory, and show what is in it.
From Lisp, OPTIONS are the keys of `pen-dataset-inspect-options', and
the value is a plist with :train, :valid, :errors, :table, :findings
and :rows."
  (interactive (list (pen-source-read-file "Inspect training file or build: "
                                           (pen-dataset-inspect--default))
                     :show t))
  (let ((source (pen-dataset-inspect--source file)))
    (if (plist-get options :show)
        (pen-dataset-open source options #'pen-dataset-inspect--ask
                          pen-dataset-inspect-options)
      (pen-dataset-inspect--plan
       (pen-stream-wait #'pen-rpc-datasets-check
                        (pen-dataset-inspect--request source options) 600)))))

(provide 'pen-dataset-inspect)
;;; pen-dataset-inspect.el ends here
