;;; pen-dataset-chat.el --- Learn from a WhatsApp export -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-dataset-whatsapp' asks for an export (.txt or .zip), for the person whose
;; messages are to be learned, and whether names, numbers and addresses are to
;; be replaced.  Every turn of that person becomes a reply to the turns before
;; it.  The preview that follows also launches the job.

;;; Code:

(require 'seq)
(require 'pen-figure)
(require 'pen-rpc-methods)
(require 'pen-source)
(require 'pen-dataset)
(require 'pen-finetune)

;;;; Internal variables

(defconst pen-dataset-chat-prompt "reply"
  "The prompt definition that answers a chat.")

(defvar pen-dataset-chat-history nil
  "People whose messages were learned.")

;;;; Functions

(defun pen-dataset-chat--read (file)
  "Ask whose messages of the export FILE are learned.
The names arrive while the question is read."
  (let ((speakers nil))
    (pen-rpc-datasets-speakers
     :path (expand-file-name file)
     :then (lambda (found) (setq speakers found)))
    (let ((name (completing-read "Whose messages are learned? "
                                 (pen-dataset-chat--table (lambda () speakers))
                                 nil nil nil 'pen-dataset-chat-history)))
      (when (string-blank-p name)
        (user-error "Name the person whose messages are to be learned; TAB lists who speaks"))
      name)))

(defun pen-dataset-chat--table (speakers)
  "Return a completion table over those who speak.
The function SPEAKERS has them, or nil as long as they are unknown."
  (lambda (string predicate action)
    (let ((names (mapcar (lambda (each) (plist-get each :name)) (funcall speakers))))
      (if (eq action 'metadata)
          `(metadata
            (category . pen-speaker)
            (display-sort-function . identity)
            (annotation-function
             . ,(lambda (name)
                  (when-let ((found (seq-find (lambda (each) (equal name (plist-get each :name)))
                                              (funcall speakers))))
                    (concat "  " (pen-figure-count (plist-get found :messages) "message"))))))
        (complete-with-action action names string predicate)))))

(defun pen-dataset-chat--interactive ()
  "Ask for what `pen-dataset-whatsapp' needs."
  (let* ((file (pen-source-read-file "WhatsApp export (.txt or .zip): "))
         (source (pen-source-file file)))
    (list (pen-source-path source)
          (pen-dataset-chat--read file)
          :anonymise (y-or-n-p "Replace people, phone numbers and e-mail addresses? ")
          :show t)))

;;;; Commands

;;;###autoload
(defun pen-dataset-whatsapp (file author &rest options)
  "Show the training set of AUTHOR's replies in FILE, a WhatsApp export.
Every turn of AUTHOR is a reply to the turns before it.  From Lisp,
OPTIONS are the keys of `pen-dataset-options', such as :anonymise, and
the value is the plan; :prompt is a definition with `build: turns', by
default \"reply\"."
  (interactive (pen-dataset-chat--interactive))
  (let ((source (pen-source-file file "whatsapp"))
        (arguments (append (list :prompt (or (plist-get options :prompt)
                                             pen-dataset-chat-prompt)
                                 :author author)
                           options)))
    (if (plist-get options :show)
        (pen-finetune-show source arguments)
      (pen-dataset-plan source arguments))))

(provide 'pen-dataset-chat)
;;; pen-dataset-chat.el ends here
